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
# No line numbers: they cost an eighth of the build. A trace has its function names; -DTB_LINES=ON adds the lines.
option(TB_LINES "Line numbers in release builds" OFF)
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_RELEASE "-O2")
if(TB_LINES)
  add_compile_options(-g1)
endif()

find_program(TB_CCACHE ccache)
if(TB_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${TB_CCACHE})
  # What ccache asks for before it caches files that use a precompiled header of gcc.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${TB_CCACHE})
  add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>)
endif()
find_program(TB_MOLD mold)
if(TB_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(TB_SANITIZE "" CACHE STRING "address;undefined, or thread, or empty")
set(TB_TENFOLD "")  # behind a number of seconds after which a test hangs: programs that a sanitizer watches are slower
if(TB_SANITIZE)
  set(TB_TENFOLD 0)
  string(REPLACE ";" "," TB_SANITIZE_LIST "${TB_SANITIZE}")
  add_compile_options(-fsanitize=${TB_SANITIZE_LIST} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TB_SANITIZE_LIST})
  if(NOT TB_SANITIZE MATCHES "fuzzer")
    # How the runtimes behave and whose findings are not ours; see there.
    add_library(tb_sanitizer_defaults OBJECT ${PROJECT_SOURCE_DIR}/cmake/sanitizer_defaults.cpp)
    link_libraries($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:$<TARGET_OBJECTS:tb_sanitizer_defaults>>)
  endif()
endif()
option(TB_COVERAGE "Measure coverage" OFF)
if(TB_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

add_library(tb_warnings INTERFACE)
target_compile_options(tb_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Werror
  # gcc 12 reports these inside the standard library's strings, where nothing is wrong.
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-array-bounds> $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-stringop-overread>
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-stringop-overflow> $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>
  $<$<COMPILE_LANGUAGE:CXX>:-Wconversion>
  # What an assertion says stands in its condition; and gcc's -Wconversion leaves out signs.
  $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-string-conversion> $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-sign-conversion>)

find_package(Threads REQUIRED)
set(Boost_NO_WARN_NEW_VERSIONS ON)

# Headers that nearly every file of a group includes are parsed once: cmake/precompiled/<group>.hpp. A target is made with the
# flags of its group: a header precompiled with others is refused by the compiler (-Winvalid-pch).
set(TB_PRECOMPILED_DEFINITIONS BOOST_CONTAINER_DYN_LINK BOOST_CONTAINER_NO_LIB BOOST_JSON_DYN_LINK BOOST_JSON_NO_LIB)
function(tb_precompiled_group group)
  cmake_parse_arguments(arg "TEST;PLUGIN" "" "" ${ARGN})
  if(arg_TEST)
    find_package(GTest REQUIRED)
    add_executable(tb_precompiled_${group} EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/cmake/precompiled/empty.cpp)
    target_link_libraries(tb_precompiled_${group} PRIVATE GTest::gtest_main)
    target_compile_options(tb_precompiled_${group} PRIVATE $<$<CONFIG:Release>:-O0>)
  else()
    add_library(tb_precompiled_${group} OBJECT EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/cmake/precompiled/empty.cpp)
  endif()
  if(arg_PLUGIN)
    set_target_properties(tb_precompiled_${group} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    target_compile_options(tb_precompiled_${group} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  else()
    target_compile_definitions(tb_precompiled_${group} PRIVATE ${TB_PRECOMPILED_DEFINITIONS})
  endif()
  target_link_libraries(tb_precompiled_${group} PRIVATE tb_warnings)
  target_include_directories(tb_precompiled_${group} PRIVATE ${PROJECT_SOURCE_DIR})
  target_precompile_headers(tb_precompiled_${group} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:${PROJECT_SOURCE_DIR}/cmake/precompiled/${group}.hpp>)
endfunction()

function(tb_precompile target group)
  if(NOT group STREQUAL plugin)
    target_compile_definitions(${target} PRIVATE ${TB_PRECOMPILED_DEFINITIONS})
  endif()
  target_precompile_headers(${target} REUSE_FROM tb_precompiled_${group})
endfunction()

tb_precompiled_group(kernel)
tb_precompiled_group(plugin PLUGIN)
if(TB_BUILD_TESTS)
  tb_precompiled_group(test TEST)
endif()

# Sources are compiled several at once: templates are then made once. A file whose unnamed helpers clash with those of another
# is listed under SEPARATE (of a plugin: see tb_add_plugin). For work on single files: -DTB_UNITY=OFF.
option(TB_UNITY "Compile several sources of a target at once" ON)
function(tb_unity target separate)
  if(NOT TB_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
  set_source_files_properties(${separate} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  # gcc warns of every class in the second file that it has members of unnamed types.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
endfunction()

# Includes below the source root: #include "kernel/base/status.hpp".
function(tb_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;SEPARATE;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES} ${arg_SEPARATE})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/plugin-api/include)
  target_link_libraries(${name} PUBLIC ${arg_DEPS} PRIVATE tb_warnings ${arg_PRIVATE_DEPS})
  tb_precompile(${name} kernel)
  tb_unity(${name} "${arg_SEPARATE}")
endfunction()

# For libraries that every command passes through. Nobody replaces a function of a static library at run time, so the
# compiler may inline those that are not declared inline, too; gcc does not by itself in code that could be in a shared one.
function(tb_hot)
  foreach(target IN LISTS ARGN)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-semantic-interposition>)
  endforeach()
endfunction()

# For code that runs when somebody asks and not with every command: optimised less, which takes a third off its compile time.
function(tb_cold)
  foreach(target IN LISTS ARGN)
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  endforeach()
endfunction()

# How a test program is compiled: what a test asks of the code under test does not depend on how the test itself is
# optimised, and its build is quicker so.
function(tb_test_options name separate)
  target_link_libraries(${name} PRIVATE tb_warnings)
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O0>)
  tb_precompile(${name} test)
  tb_unity(${name} "${separate}")
endfunction()

# A GoogleTest program; every TEST is a ctest case.
function(tb_test name)
  if(NOT TB_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;SEPARATE;DEPS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${arg_SOURCES} ${arg_SEPARATE})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/plugin-api/include)
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE TB_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TB_BINARY_DIR="${CMAKE_BINARY_DIR}")
  tb_test_options(${name} "${arg_SEPARATE}")
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60${TB_TENFOLD} PROPERTIES TIMEOUT 600${TB_TENFOLD} LABELS unit)
endfunction()

# A program of the benchmarks. Only the target `benchmarks` builds it (`./dev bench`, and lint so that it stays buildable): who
# wants to run the node or its tests does not wait for it.
function(tb_bench name)
  set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  target_link_libraries(${name} PRIVATE tb_warnings)
  if(NOT TARGET benchmarks)
    add_custom_target(benchmarks)
  endif()
  add_dependencies(benchmarks ${name})
endfunction()
