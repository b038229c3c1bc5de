# Build settings that every target shares.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# The build tree has the layout of an installation, so that a program finds its companions in both.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

add_library(berth_settings INTERFACE)
target_include_directories(berth_settings INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(berth_settings INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_compile_options(berth_settings INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -ffunction-sections -fdata-sections)
if(BERTH_WERROR)
    target_compile_options(berth_settings INTERFACE -Werror)
endif()

# berth_library(NAME SOURCES a.cpp … [USES lib …] [PRIVATE third_party …]): a static library of one layer.
function(berth_library name)
    cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;USES;PRIVATE")
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC berth_settings ${ARG_USES} PRIVATE ${ARG_PRIVATE})
endfunction()

# Linked into every program (not the tests'): empty, but for the sanitizer's build.
add_library(berth_program INTERFACE)
if(BERTH_SANITIZE)
    add_library(berth_sanitizer OBJECT ${CMAKE_SOURCE_DIR}/cmake/sanitizer.cpp)
    target_link_libraries(berth_program INTERFACE berth_sanitizer $<TARGET_OBJECTS:berth_sanitizer>)
endif()
