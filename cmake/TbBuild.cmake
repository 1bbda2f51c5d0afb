# How every target of this project is compiled: one place for flags, linker and helpers.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# Assertions on invariants stay in release builds: TB_ASSERT is ours and does not look at NDEBUG.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")

find_program(TB_CCACHE ccache)
if(TB_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${TB_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${TB_CCACHE})
endif()
find_program(TB_MOLD mold)
if(TB_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(TB_SANITIZE "" CACHE STRING "address;undefined, or thread, or empty")
if(TB_SANITIZE)
  string(REPLACE ";" "," TB_SANITIZE_LIST "${TB_SANITIZE}")
  add_compile_options(-fsanitize=${TB_SANITIZE_LIST} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TB_SANITIZE_LIST})
endif()
option(TB_COVERAGE "Measure coverage" OFF)
if(TB_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

add_library(tb_warnings INTERFACE)
target_compile_options(tb_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Werror
  $<$<COMPILE_LANGUAGE:CXX>:-Wconversion>)

find_package(Threads REQUIRED)
set(Boost_NO_WARN_NEW_VERSIONS ON)

# Includes below the source root: #include "kernel/base/status.hpp".
function(tb_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/plugin-api/include)
  target_link_libraries(${name} PUBLIC ${arg_DEPS} PRIVATE tb_warnings ${arg_PRIVATE_DEPS})
endfunction()

# A GoogleTest program; every TEST is a ctest case.
function(tb_test name)
  if(NOT TB_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/plugin-api/include)
  target_link_libraries(${name} PRIVATE ${arg_DEPS} tb_warnings GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE TB_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TB_BINARY_DIR="${CMAKE_BINARY_DIR}")
  # What a test asks of the code under test does not depend on how the test itself is optimised; its build is quicker so.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O0>)
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 600 LABELS unit)
endfunction()
