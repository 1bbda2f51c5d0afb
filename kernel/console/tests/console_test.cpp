#include "kernel/console/console.hpp"

#include <gtest/gtest.h>

namespace blockd {
namespace {

HttpRequest get(std::string path) {
  HttpRequest request;
  request.method = "GET";
  request.path = std::move(path);
  return request;
}

std::string header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

TEST(Console, leaves_other_paths_alone) {
  EXPECT_FALSE(serve_console(get("/")));
  EXPECT_FALSE(serve_console(get("/consoles")));
}

TEST(Console, sends_the_browser_below_its_folder) {
  const auto answer = serve_console(get("/console"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 308);
  EXPECT_EQ(header(*answer, "Location"), "/console/");
}

TEST(Console, serves_its_page_with_a_policy_that_forbids_inline_scripts_and_other_hosts) {
  const auto answer = serve_console(get("/console/"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->content_type, "text/html; charset=utf-8");
  EXPECT_NE(answer->body.find("js/app.js"), std::string::npos);
  const std::string policy = header(*answer, "Content-Security-Policy");
  EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(policy.find("http"), std::string::npos);
}

TEST(Console, has_every_script_that_a_script_imports) {
  for (const char* path :
       {"js/app.js", "js/api.js", "js/pages/overview.js", "vendor/uPlot.iife.min.js", "style.css"})
    EXPECT_TRUE(console_file(path)) << path;
  EXPECT_FALSE(console_file("../console.cpp"));
}

TEST(Console, compresses_for_those_who_ask_and_repeats_nothing_that_is_known) {
  HttpRequest request = get("/console/vendor/uPlot.iife.min.js");
  const auto plain = serve_console(request);
  request.headers.add("Accept-Encoding", "gzip, br");
  const auto zipped = serve_console(request);
  EXPECT_EQ(header(*zipped, "Content-Encoding"), "gzip");
  EXPECT_LT(zipped->body.size(), plain->body.size() / 2);
  request.headers.add("If-None-Match", header(*zipped, "ETag"));
  const auto known = serve_console(request);
  EXPECT_EQ(known->status, 304);
  EXPECT_TRUE(known->body.empty());
}

TEST(Console, first_paint_takes_less_than_200_kilobytes) {
  std::size_t bytes = 0;
  for (const char* path : {"",
                           "style.css",
                           "vendor/uPlot.iife.min.js",
                           "vendor/uPlot.min.css",
                           "icon.svg",
                           "js/app.js",
                           "js/api.js",
                           "js/dom.js",
                           "js/metrics.js",
                           "js/chart.js",
                           "js/table.js",
                           "js/form.js",
                           "js/diff.js",
                           "js/pages/overview.js",
                           "js/pages/plugin.js",
                           "js/pages/plugins.js",
                           "js/pages/energy.js",
                           "js/pages/treasury.js",
                           "js/pages/governance.js",
                           "js/pages/events.js",
                           "js/pages/logs.js",
                           "js/pages/config.js",
                           "js/pages/live.js"}) {
    const ConsoleFile* file = console_file(path);
    ASSERT_TRUE(file) << path;
    bytes += file->gzip.size();
  }
  EXPECT_LT(bytes, 200'000u);
}

}  // namespace
}  // namespace blockd
