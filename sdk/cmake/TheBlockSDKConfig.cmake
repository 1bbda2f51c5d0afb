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
  else()
    set(TB_TESTKIT_WANTS "")
    if(NOT TheBlockSDK_TESTKIT)
      list(APPEND TB_TESTKIT_WANTS "libtheblock_testkit.a of the SDK")
    endif()
    if(NOT TheBlockSDK_SODIUM)
      list(APPEND TB_TESTKIT_WANTS "libsodium (libsodium-dev)")
    endif()
    if(NOT TheBlockSDK_LEVELDB)
      list(APPEND TB_TESTKIT_WANTS "LevelDB (libleveldb-dev)")
    endif()
    if(NOT TARGET Boost::json)
      list(APPEND TB_TESTKIT_WANTS "Boost.JSON 1.81 (libboost-json1.81-dev)")
    endif()
    list(JOIN TB_TESTKIT_WANTS ", " TB_TESTKIT_WANTS)
  endif()
endif()
# Libraries of the node that tests load beside the plugin: ledger.so.
get_target_property(TheBlockSDK_INCLUDE TheBlock::sdk INTERFACE_INCLUDE_DIRECTORIES)
list(GET TheBlockSDK_INCLUDE 0 TheBlockSDK_INCLUDE)
get_filename_component(TB_SDK_PLUGINS ${TheBlockSDK_INCLUDE}/../share/the-block-sdk/plugins ABSOLUTE)
include(${CMAKE_CURRENT_LIST_DIR}/TbAddPlugin.cmake)
