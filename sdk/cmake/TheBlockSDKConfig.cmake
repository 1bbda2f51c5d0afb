# find_package(TheBlockSDK): targets TheBlock::sdk (C++20), TheBlock::plugin_api (C), TheBlock::testkit (tests on the real executor) and
# the functions tb_add_plugin() and tb_add_plugin_test().
#
# The test kit needs Boost.JSON, libsodium and LevelDB (Debian: libboost-json1.81-dev libsodium-dev libleveldb-dev) and, like all tests,
# GoogleTest. Where they are missing the target is left out and tb_add_plugin_test() says so.
include(CMakeFindDependencyMacro)
set(Boost_NO_WARN_NEW_VERSIONS ON)
find_dependency(Boost 1.81)  # headers only: Boost.Describe
include(${CMAKE_CURRENT_LIST_DIR}/TheBlockSDKTargets.cmake)

if(NOT TARGET TheBlock::testkit)
  find_library(TheBlockSDK_TESTKIT theblock_testkit HINTS ${CMAKE_CURRENT_LIST_DIR}/../.. NO_DEFAULT_PATH)
  find_library(TheBlockSDK_SODIUM sodium)
  find_library(TheBlockSDK_LEVELDB leveldb)
  find_package(Boost 1.81 QUIET COMPONENTS json)
  find_package(Threads QUIET)
  if(TheBlockSDK_TESTKIT AND TheBlockSDK_SODIUM AND TheBlockSDK_LEVELDB AND TARGET Boost::json)
    add_library(TheBlock::testkit STATIC IMPORTED)
    set_target_properties(TheBlock::testkit PROPERTIES
      IMPORTED_LOCATION ${TheBlockSDK_TESTKIT}
      INTERFACE_LINK_LIBRARIES "TheBlock::sdk;Boost::json;${TheBlockSDK_SODIUM};${TheBlockSDK_LEVELDB};Threads::Threads;${CMAKE_DL_LIBS}"
      INTERFACE_LINK_OPTIONS "-Wl,--wrap=luaO_str2num")
  endif()
endif()
include(${CMAKE_CURRENT_LIST_DIR}/TbAddPlugin.cmake)
