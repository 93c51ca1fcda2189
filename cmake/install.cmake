# What `cmake --install` gives: headers, library, program, CMake package and pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(fovea_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fovea)

install(TARGETS fovea EXPORT fovea-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/fovea DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The program installs itself in apps/; with a shared library it finds it from there.
if(BUILD_SHARED_LIBS)
  set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
endif()

install(EXPORT fovea-targets NAMESPACE fovea:: DESTINATION ${fovea_cmake_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/fovea-config.cmake.in
                              ${PROJECT_BINARY_DIR}/fovea-config.cmake INSTALL_DESTINATION ${fovea_cmake_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fovea-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fovea-config.cmake ${PROJECT_BINARY_DIR}/fovea-config-version.cmake
        DESTINATION ${fovea_cmake_dir})

# A static library does not remember what it was linked with; a shared one does.
get_target_property(fovea_type fovea TYPE)
set(fovea_pc_libs "-L\${libdir} -lfovea")
if(FOVEA_SANITIZE)
  string(APPEND fovea_pc_libs " -fsanitize=${FOVEA_SANITIZE}")
endif()
set(fovea_pc_requires "Requires.private")
if(fovea_type STREQUAL STATIC_LIBRARY)
  set(fovea_pc_requires "Requires")
endif()
set(fovea_pc_sentencepiece)
if(sentencepiece)
  set(fovea_pc_sentencepiece " sentencepiece")
endif()
file(RELATIVE_PATH fovea_pc_up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" fovea_pc_up "${fovea_pc_up}")
configure_file(${PROJECT_SOURCE_DIR}/cmake/fovea.pc.in ${PROJECT_BINARY_DIR}/fovea.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fovea.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
