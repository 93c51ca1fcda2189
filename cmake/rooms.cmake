# A room is a folder of sources with an include path of its own: it sees the rooms that it names and those that they
# name, and nothing else, so that an include upwards does not compile. Includes are written from the top of the
# repository; for each room ROOMS/<room>/<folder> is a link to its folder, and the include path.
set(rooms_dir ${PROJECT_BINARY_DIR}/rooms)

# fovea_view(NAME FOLDER…): the interface target NAME, through which these folders are seen.
function(fovea_view name)
  add_library(${name} INTERFACE)
  foreach(folder ${ARGN})
    get_filename_component(above ${rooms_dir}/${name}/${folder} DIRECTORY)
    file(MAKE_DIRECTORY ${above})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${folder} ${rooms_dir}/${name}/${folder} SYMBOLIC)
  endforeach()
  target_include_directories(${name} INTERFACE ${rooms_dir}/${name})
endfunction()

# Headers that take longer to read than what includes them are compiled once and read back by every room that names
# them (PRECOMPILED): a build without a compiler cache takes half the time. fovea_precompiled(NAME HEADERS… LIBRARIES …)
option(FOVEA_PRECOMPILED "Precompile the headers of the standard library, fmt, OpenCV and doctest" ON)
file(WRITE ${PROJECT_BINARY_DIR}/precompiled.cpp "")
if(FOVEA_PRECOMPILED AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(fovea_flags INTERFACE -fpch-preprocess)  # for ccache
endif()
function(fovea_precompiled name)
  cmake_parse_arguments(arg "" "" "HEADERS;LIBRARIES" ${ARGN})
  if(FOVEA_PRECOMPILED)
    add_library(precompiled_${name} OBJECT ${PROJECT_BINARY_DIR}/precompiled.cpp)
    target_link_libraries(precompiled_${name} PRIVATE fovea_flags ${arg_LIBRARIES})
    list(TRANSFORM arg_HEADERS REPLACE "(.+)" "<\\1>")
    target_precompile_headers(precompiled_${name} PRIVATE ${arg_HEADERS})
  endif()
endfunction()
function(fovea_reads target precompiled)
  if(FOVEA_PRECOMPILED)
    # Headers are precompiled as libraries are, and read by what is compiled alike.
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
    target_precompile_headers(${target} REUSE_FROM precompiled_${precompiled})
  endif()
endfunction()

# fovea_room(FOLDER [LIGHT] [SEES ROOM…] [LIBRARIES LIBRARY…] [PRECOMPILED NAME]): the targets room_<folder> (what others see of
# it) and, where it has sources, objects_<folder>. Slashes become underscores. LIGHT: its code says what devices do and never
# loops over numbers itself, so -O1 is as good for it, and compiles a fifth faster.
function(fovea_room folder)
  cmake_parse_arguments(arg "LIGHT" "PRECOMPILED" "SEES;LIBRARIES" ${ARGN})
  string(REPLACE "/" "_" name ${folder})
  fovea_view(room_${name} ${folder})
  list(TRANSFORM arg_SEES REPLACE "/" "_")
  list(TRANSFORM arg_SEES PREPEND room_)
  target_link_libraries(room_${name} INTERFACE fovea_flags ${arg_SEES} ${arg_LIBRARIES})
  list(JOIN arg_SEES "\n" sees)
  file(WRITE ${rooms_dir}/room_${name}.sees "${sees}")  # for the test that reads includes
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp ${PROJECT_SOURCE_DIR}/${folder}/*.S)
  if(sources)
    add_library(objects_${name} OBJECT ${sources})
    target_link_libraries(objects_${name} PRIVATE room_${name})
    if(NOT arg_PRECOMPILED)
      set(arg_PRECOMPILED standard)
    endif()
    fovea_reads(objects_${name} ${arg_PRECOMPILED})
    if(arg_LIGHT)
      target_compile_options(objects_${name} PRIVATE $<$<CONFIG:Release,RelWithDebInfo>:-O1>)
    endif()
  endif()
endfunction()

# The objects of these rooms, for a library or program that is made of them.
function(fovea_objects_of out)
  set(objects)
  foreach(folder ${ARGN})
    string(REPLACE "/" "_" name ${folder})
    if(TARGET objects_${name})
      list(APPEND objects $<TARGET_OBJECTS:objects_${name}>)
    endif()
  endforeach()
  set(${out} ${objects} PARENT_SCOPE)
endfunction()
