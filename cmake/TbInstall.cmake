# What `cmake --install` lays out besides the programs and the SDK, which say it where they are built. The prefix may be moved:
# programs find lib/the-block and share/the-block beside their own folder (kernel/programs/blockd/places.hpp).
set(TB_SHIPPED_PLUGINS "")
set(tb_shipped_files "")
foreach(plugin ledger governance receipts treasury economics energy mock-oracle oracle-adapter)
  if(TARGET ${plugin})
    list(APPEND TB_SHIPPED_PLUGINS ${plugin})
    list(APPEND tb_shipped_files $<TARGET_FILE:${plugin}>)
  endif()
endforeach()

# Every library of the tree, the examples included.
add_custom_target(plugins)
foreach(plugin IN LISTS TB_SHIPPED_PLUGINS ITEMS greeter counter)
  if(TARGET ${plugin})
    add_dependencies(plugins ${plugin})
  endif()
endforeach()

install(DIRECTORY config/ DESTINATION ${CMAKE_INSTALL_DATADIR}/the-block/config)
install(DIRECTORY scripts/ DESTINATION ${CMAKE_INSTALL_DATADIR}/the-block/scripts USE_SOURCE_PERMISSIONS)
install(PROGRAMS scripts/tb-chaos DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY scripts-lua/ DESTINATION ${CMAKE_INSTALL_DATADIR}/the-block/scripts-lua)
install(DIRECTORY dashboards/ DESTINATION ${CMAKE_INSTALL_DATADIR}/the-block/dashboards)

if(TARGET blockd AND TARGET contract-cli AND TB_SHIPPED_PLUGINS)
  set(tb_share ${CMAKE_BINARY_DIR}/share)
  set(tb_environment "")
  if(TB_SANITIZE MATCHES "address")
    set(tb_environment ASAN_OPTIONS=detect_leaks=0)  # a program of the build, not a test
  endif()
  # The verbs of the shipped plugins, for help and completion before any node has run. The build tree has it at the same place
  # beside bin/ as a prefix, so that its contract-cli knows them too.
  set(tb_openrpc ${tb_share}/the-block/openrpc.json)
  add_custom_command(OUTPUT ${tb_openrpc}
    COMMAND ${CMAKE_COMMAND} -E env ${tb_environment}
      $<TARGET_FILE:blockd> --print-openrpc --out ${tb_openrpc} ${tb_shipped_files}
    DEPENDS blockd ${TB_SHIPPED_PLUGINS} VERBATIM)
  # Nobody answers at port 1 and there is no home with an earlier copy: the words come from openrpc.json.
  set(tb_completion ${tb_share}/bash-completion/completions/contract-cli)
  add_custom_command(OUTPUT ${tb_completion}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${tb_share}/bash-completion/completions
    COMMAND ${CMAKE_COMMAND} -E env --unset=HOME --unset=XDG_CACHE_HOME ${tb_environment}
      sh -c "\"$1\" completions --shell bash --url http://127.0.0.1:1 > \"$2\"" sh
      $<TARGET_FILE:contract-cli> ${tb_completion}
    DEPENDS contract-cli ${tb_openrpc} VERBATIM)
  add_custom_target(shared_files ALL DEPENDS ${tb_openrpc} ${tb_completion})
  install(FILES ${tb_openrpc} DESTINATION ${CMAKE_INSTALL_DATADIR}/the-block)
  install(FILES ${tb_completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
