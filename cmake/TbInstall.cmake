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

# A link NAME -> TARGET below the prefix.
function(tb_install_link name target)
  install(CODE "file(CREATE_LINK ${target} \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${name}\" SYMBOLIC)")
endfunction()

install(DIRECTORY config/systemd/ DESTINATION lib/systemd/system)
install(DIRECTORY config/ DESTINATION ${CMAKE_INSTALL_DATADIR}/the-block/config PATTERN systemd EXCLUDE)
install(DIRECTORY scripts/ DESTINATION ${CMAKE_INSTALL_DATADIR}/the-block/scripts USE_SOURCE_PERMISSIONS)
install(PROGRAMS scripts/tb-chaos scripts/prometheus_query DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY scripts-lua/ DESTINATION ${CMAKE_INSTALL_DATADIR}/the-block/scripts-lua)
# The console is inside blockd.
install(DIRECTORY dashboards/ DESTINATION ${CMAKE_INSTALL_DATADIR}/the-block/dashboards PATTERN console EXCLUDE)
# The guides' names: links into dashboards/.
install(DIRECTORY monitoring/ DESTINATION ${CMAKE_INSTALL_DATADIR}/the-block/monitoring PATTERN output EXCLUDE)

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
  # What contract-cli prints of itself, before any node. Nobody answers at port 1 and there is no home with an earlier copy:
  # the words come from openrpc.json.
  function(tb_printed_by_cli file arguments)
    get_filename_component(folder ${file} DIRECTORY)
    add_custom_command(OUTPUT ${file}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
      COMMAND ${CMAKE_COMMAND} -E env --unset=HOME --unset=XDG_CACHE_HOME ${tb_environment}
        sh -c "\"$1\" ${arguments} --url http://127.0.0.1:1 > \"$2\"" sh $<TARGET_FILE:contract-cli> ${file}
      DEPENDS contract-cli ${tb_openrpc} VERBATIM)
  endfunction()
  set(tb_bash ${tb_share}/bash-completion/completions/contract-cli)
  set(tb_zsh ${tb_share}/zsh/vendor-completions/_contract-cli)
  set(tb_fish ${tb_share}/fish/vendor_completions.d/contract-cli.fish)
  tb_printed_by_cli(${tb_bash} "completions --shell bash")
  tb_printed_by_cli(${tb_zsh} "completions --shell zsh")
  tb_printed_by_cli(${tb_fish} "completions --shell fish")

  # Manual pages, packed as Debian wants them.
  set(tb_man ${tb_share}/man)
  tb_printed_by_cli(${tb_man}/contract-cli.1 "help --man")
  add_custom_command(OUTPUT ${tb_man}/blockd.8 ${tb_man}/blockd.yaml.5
    COMMAND ${CMAKE_COMMAND} -E env ${tb_environment}
      $<TARGET_FILE:blockd> --print-man --dir ${tb_man} ${tb_shipped_files}
    DEPENDS blockd ${TB_SHIPPED_PLUGINS} VERBATIM)
  set(tb_pages "")
  # Those of programs whose words are not declared anywhere are written by hand.
  set(tb_written probe.1 tb-chaos.1 prometheus_query.1 tb-new-plugin.1)
  foreach(page contract-cli.1 blockd.8 blockd.yaml.5 ${tb_written})
    set(source ${tb_man}/${page})
    set(component "")
    if(page IN_LIST tb_written)
      set(source ${PROJECT_SOURCE_DIR}/packaging/man/${page})
    endif()
    if(page STREQUAL tb-new-plugin.1)
      set(component COMPONENT sdk)
    endif()
    string(REGEX REPLACE ".*\\." "" section ${page})
    set(packed ${tb_man}/man${section}/${page}.gz)
    add_custom_command(OUTPUT ${packed}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${tb_man}/man${section}
      COMMAND sh -c "gzip -9nc \"$1\" > \"$2\"" sh ${source} ${packed}
      DEPENDS ${source} VERBATIM)
    list(APPEND tb_pages ${packed})
    install(FILES ${packed} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} ${component})
  endforeach()

  add_custom_target(shared_files ALL DEPENDS ${tb_openrpc} ${tb_bash} ${tb_zsh} ${tb_fish} ${tb_pages})
  install(FILES ${tb_openrpc} DESTINATION ${CMAKE_INSTALL_DATADIR}/the-block)
  install(FILES ${tb_bash} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${tb_zsh} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  install(FILES ${tb_fish} DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  # bash looks for a file of the program's name; man for a page of it.
  foreach(name tb-cli contract)
    tb_install_link(${CMAKE_INSTALL_DATADIR}/bash-completion/completions/${name} contract-cli)
    tb_install_link(${CMAKE_INSTALL_MANDIR}/man1/${name}.1.gz contract-cli.1.gz)
  endforeach()
endif()
