# tb_add_plugin(NAME SOURCES file... [DEPS target...] [OUTPUT_DIR dir])
#
# Builds the plugin NAME from C or C++ sources as NAME.so, linked the way the node demands of every library: one
# exported symbol, all symbols resolved at load, no executable stack, no run path, shared libstdc++. The file goes to
# OUTPUT_DIR (build/plugins of the project unless given) and, on install, to <libdir>/the-block/plugins.
#
# Makes two targets: NAME, the library, and NAME_objects, the same objects for tests that link them.
include_guard(GLOBAL)
set(TB_PLUGIN_MAP ${CMAKE_CURRENT_LIST_DIR}/plugin.map CACHE INTERNAL "Version script of plugins")

function(tb_add_plugin name)
  cmake_parse_arguments(arg "" "OUTPUT_DIR" "SOURCES;DEPS" ${ARGN})
  if(NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "tb_add_plugin(${name}): say SOURCES file... [DEPS target...] [OUTPUT_DIR dir]; "
                        "not understood: '${arg_UNPARSED_ARGUMENTS}'")
  endif()
  if(NOT arg_OUTPUT_DIR)
    set(arg_OUTPUT_DIR ${CMAKE_BINARY_DIR}/plugins)
  endif()

  set(sdk_target TheBlock::sdk)
  add_library(${name}_objects OBJECT ${arg_SOURCES})
  target_link_libraries(${name}_objects PUBLIC ${sdk_target} ${arg_DEPS})
  if(TARGET tb_warnings)
    target_link_libraries(${name}_objects PRIVATE tb_warnings)
  endif()
  set_target_properties(${name}_objects PROPERTIES
    POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  # Unique symbols would keep the image mapped after dlclose; only GCC makes them, only GCC knows the switch.
  target_compile_options(${name}_objects PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)

  add_library(${name} MODULE $<TARGET_OBJECTS:${name}_objects>)
  target_link_libraries(${name} PRIVATE ${sdk_target} ${arg_DEPS})
  target_link_options(${name} PRIVATE
    -Wl,--version-script=${TB_PLUGIN_MAP} -Wl,-z,now -Wl,-z,noexecstack -Wl,--exclude-libs,ALL)
  if(NOT TB_SANITIZE AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    target_link_options(${name} PRIVATE -Wl,-z,defs)  # a sanitizer's runtime is resolved in the program
  endif()
  set_target_properties(${name} PROPERTIES
    OUTPUT_NAME ${name} PREFIX "" SUFFIX ".so" LIBRARY_OUTPUT_DIRECTORY ${arg_OUTPUT_DIR}
    SKIP_BUILD_RPATH ON INSTALL_RPATH "" LINK_DEPENDS ${TB_PLUGIN_MAP})
  # A module of object files has no language of its own; libstdc++ must be there for a plugin in C++.
  if(arg_SOURCES MATCHES "\\.(cpp|cc|cxx)(;|$)")
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
    if(COMMAND tb_precompile)  # inside the tree of the node
      tb_precompile(${name}_objects plugin)
      tb_unity(${name}_objects "")
    endif()
  else()
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
  endif()
  if(TB_PLUGINS_STAY_HERE)  # examples in the tree of the node are built, not installed
    return()
  endif()
  include(GNUInstallDirs)
  install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/the-block/plugins)
endfunction()

# tb_add_plugin_test(NAME PLUGIN plugin SOURCES file... [DEPS target...])
#
# A GoogleTest program of the plugin's objects on the test kit (tb/testkit.hpp); every TEST is a case of ctest. The kit comes
# with an SDK that was installed together with the node; where it is missing, configuring says so and builds no test.
# The program is told as TB_SDK_PLUGINS the folder with the node's ledger.so: chain.add_library(TB_SDK_PLUGINS "/ledger.so").
function(tb_add_plugin_test name)
  cmake_parse_arguments(arg "" "PLUGIN" "SOURCES;DEPS" ${ARGN})
  if(NOT arg_PLUGIN OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "tb_add_plugin_test(${name}): say PLUGIN plugin SOURCES file... [DEPS target...]; "
                        "not understood: '${arg_UNPARSED_ARGUMENTS}'")
  endif()
  set(kit "")
  foreach(candidate TheBlock::testkit tb_testkit)
    if(NOT kit AND TARGET ${candidate})
      set(kit ${candidate})
    endif()
  endforeach()
  if(NOT kit)
    if(NOT TB_TESTKIT_WANTS)
      set(TB_TESTKIT_WANTS "a SDK that was installed with the test kit")
    endif()
    message(WARNING "${name} is not built, the plugin is. Its test kit wants: ${TB_TESTKIT_WANTS}")
    return()
  endif()
  find_package(GTest QUIET)
  if(NOT GTest_FOUND)
    message(WARNING "${name} is not built, the plugin is. Its test kit wants: GoogleTest (libgtest-dev)")
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_PLUGIN}_objects ${kit} ${arg_DEPS} GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE TB_SDK_PLUGINS="${TB_SDK_PLUGINS}")
  if(COMMAND tb_test_options)  # inside the tree of the node
    add_dependencies(${name} ledger)
    tb_test_options(${name} "")
  endif()
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60${TB_TENFOLD} PROPERTIES TIMEOUT 600${TB_TENFOLD} LABELS unit)
endfunction()
