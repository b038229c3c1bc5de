# Text that sites and images write; included by the CMakeLists.txt here.
berth_fuzz(berth_conf ${CMAKE_CURRENT_SOURCE_DIR}/corpus/berth_conf berth_config berth_base)
berth_fuzz(capability_file ${CMAKE_CURRENT_SOURCE_DIR}/corpus/capability_file berth_config berth_base)
berth_fuzz(cgroups ${CMAKE_CURRENT_SOURCE_DIR}/corpus/cgroups berth_policy berth_config berth_base)
berth_fuzz(ecl ${CMAKE_CURRENT_SOURCE_DIR}/corpus/ecl berth_config berth_base)
berth_fuzz(environment ${CMAKE_CURRENT_SOURCE_DIR}/corpus/environment berth_environment)
berth_fuzz(options ${CMAKE_CURRENT_SOURCE_DIR}/corpus/options berth_request berth_base)
berth_fuzz(messages ${CMAKE_CURRENT_SOURCE_DIR}/corpus/messages berth_exec berth_base)
berth_fuzz(seccomp_profile ${CMAKE_CURRENT_SOURCE_DIR}/corpus/seccomp_profile berth_exec berth_config berth_base)
