#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "kernel/programs/probe/probe.hpp"

int main(int argc, char** argv) {
  std::map<std::string, std::string> environment;
  for (const char* name : {"TB_RPC_ENDPOINT", "TB_RPC_AUTH_TOKEN"}) {
    if (const char* value = std::getenv(name)) environment[name] = value;
  }
  const auto pause = [](std::uint32_t ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  };
  blockd::probe::World world{std::cout, std::cerr, std::move(environment), blockd::system_clock(),
                             pause};
  return blockd::probe::run_probe(world, {argv + 1, argv + argc});
}
