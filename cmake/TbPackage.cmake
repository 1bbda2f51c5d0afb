# Debian packages, made by `./dev package`: the-block (programs, plugins, service) and the-block-sdk (headers and the CMake package).
# What only the package has is the component `debian`; `cmake --install` leaves it out.
set(tb_debian ${PROJECT_SOURCE_DIR}/packaging/debian)
install(FILES config/node.yaml config/energy-oracle.yaml DESTINATION /etc/the-block COMPONENT debian EXCLUDE_FROM_ALL)
set(tb_changelog ${CMAKE_BINARY_DIR}/share/doc/changelog.gz)
add_custom_command(OUTPUT ${tb_changelog}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/share/doc
  COMMAND sh -c "gzip -9nc \"$1\" > \"$2\"" sh ${PROJECT_SOURCE_DIR}/CHANGELOG.md ${tb_changelog}
  DEPENDS ${PROJECT_SOURCE_DIR}/CHANGELOG.md VERBATIM)
install(FILES ${tb_debian}/copyright ${tb_changelog} DESTINATION share/doc/the-block COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES ${tb_debian}/copyright ${tb_changelog} DESTINATION share/doc/the-block-sdk COMPONENT debian-sdk EXCLUDE_FROM_ALL)

# Everything that goes into the packages.
add_custom_target(package_files DEPENDS blockd contract-cli probe plugins shared_files tb_testkit_archive ${tb_changelog})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME the-block)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Block <maintainers@the-block.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "node that hosts markets as plugins over one ordered log")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
# The configuration lies outside the prefix.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# Traces name functions, and images of plugins are known by their hash: files go in as they were built.
set(CPACK_STRIP_FILES OFF)
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_COMPONENTS_ALL Unspecified debian sdk debian-sdk)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENT_UNSPECIFIED_GROUP node)
set(CPACK_COMPONENT_DEBIAN_GROUP node)
set(CPACK_COMPONENT_SDK_GROUP sdk)
set(CPACK_COMPONENT_DEBIAN-SDK_GROUP sdk)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_NODE_PACKAGE_NAME the-block)
set(CPACK_DEBIAN_NODE_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_NODE_PACKAGE_DEPENDS "adduser, procps")
set(CPACK_DEBIAN_NODE_PACKAGE_RECOMMENDS "ca-certificates, python3")
set(CPACK_DEBIAN_NODE_PACKAGE_SUGGESTS "the-block-sdk, bash-completion, jq, prometheus")
set(CPACK_DEBIAN_NODE_PACKAGE_CONTROL_EXTRA
  ${tb_debian}/conffiles ${tb_debian}/postinst ${tb_debian}/prerm ${tb_debian}/postrm)
set(CPACK_DEBIAN_NODE_DESCRIPTION "The programs blockd and contract-cli, the plugins that ship with them, the
service the-block and its configuration.
.
Installation starts nothing: the chain is chosen in /etc/the-block/node.yaml.
Removal keeps data and keys in /var/lib/the-block; purge deletes them.")

set(CPACK_DEBIAN_SDK_PACKAGE_NAME the-block-sdk)
set(CPACK_DEBIAN_SDK_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_SDK_PACKAGE_DEPENDS "cmake (>= 3.25), g++ (>= 12), make, libboost1.81-dev")
# What the test kit is linked with; without them a plugin is built, and its tests are left out with a warning.
set(CPACK_DEBIAN_SDK_PACKAGE_RECOMMENDS "libgtest-dev, libboost-json1.81-dev, libsodium-dev, libleveldb-dev")
set(CPACK_DEBIAN_SDK_DESCRIPTION "To build plugins for it: the C ABI, the C++20 library over it, the test kit, the
CMake package TheBlockSDK, tb-new-plugin with its template, two examples.")
include(CPack)
