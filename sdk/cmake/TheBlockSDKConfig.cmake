# find_package(TheBlockSDK): targets TheBlock::sdk (C++20), TheBlock::plugin_api (C) and the function tb_add_plugin().
include(CMakeFindDependencyMacro)
set(Boost_NO_WARN_NEW_VERSIONS ON)
find_dependency(Boost 1.81)  # headers only: Boost.Describe
include(${CMAKE_CURRENT_LIST_DIR}/TheBlockSDKTargets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/TbAddPlugin.cmake)
