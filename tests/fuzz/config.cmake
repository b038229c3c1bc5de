# berth.conf; included by the CMakeLists.txt here, which builds the libraries with the sanitizers' flags.
add_executable(berth_conf_fuzz berth_conf_fuzz.cpp)
target_link_libraries(berth_conf_fuzz PRIVATE berth_config berth_base)
target_link_options(berth_conf_fuzz PRIVATE -fsanitize=fuzzer)
