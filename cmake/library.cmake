# Read by nearly every source.
set(standard_headers algorithm array chrono cmath cstdint cstring filesystem functional map memory mutex optional set span
                     string string_view thread utility vector fmt/format.h)
fovea_precompiled(standard HEADERS ${standard_headers} LIBRARIES fmt::fmt)
fovea_precompiled(vulkan HEADERS ${standard_headers} runtime/vk/vulkan.h LIBRARIES room_runtime_vk)
fovea_precompiled(json HEADERS ${standard_headers} nlohmann/json.hpp LIBRARIES fmt::fmt nlohmann_json::nlohmann_json)

# The rooms of the library, from the ground up. A room sees only rooms above it in this list.
fovea_room(core LIBRARIES fmt::fmt)
fovea_room(runtime/vk SEES core LIBRARIES Vulkan::Vulkan PRECOMPILED vulkan)
include(cmake/shaders.cmake)
fovea_room(runtime/record SEES runtime/vk)
fovea_room(runtime/tune SEES runtime/record)

fovea_room(runtime/ops/common LIGHT SEES runtime/tune shaders)
fovea_room(runtime/ops/nn LIGHT SEES runtime/ops/common)
fovea_room(runtime/ops/conv LIGHT SEES runtime/ops/nn)
fovea_room(runtime/ops/attention LIGHT SEES runtime/ops/common)
fovea_room(runtime/ops/image LIGHT SEES runtime/ops/common)
fovea_room(runtime/ops/maps LIGHT SEES runtime/ops/nn runtime/ops/attention)
fovea_room(runtime/ops/train LIGHT SEES runtime/ops/nn runtime/ops/attention)
fovea_room(runtime/ops/sequence LIGHT SEES runtime/ops/train)
set(op_rooms runtime/ops/common runtime/ops/nn runtime/ops/conv runtime/ops/attention runtime/ops/image runtime/ops/maps
             runtime/ops/train runtime/ops/sequence)

fovea_room(models/config SEES core LIBRARIES nlohmann_json::nlohmann_json PRECOMPILED json)
fovea_room(models/text SEES models/config LIBRARIES ICU::uc PRECOMPILED json)
if(sentencepiece)
  set_property(SOURCE ${PROJECT_SOURCE_DIR}/models/text/sentence_piece.cpp APPEND PROPERTY COMPILE_DEFINITIONS FOVEA_SENTENCEPIECE)
  target_link_libraries(room_models_text INTERFACE ${sentencepiece})
endif()
fovea_room(models/weights SEES models/config runtime/record PRECOMPILED json)
fovea_room(models/nn LIGHT SEES models/weights runtime/ops/conv runtime/ops/maps runtime/ops/sequence)
fovea_room(models/model LIGHT SEES models/nn)

# A folder a family, found by its name: models/arch/<family>/<family>.cpp has `Family <family>_family()`. One that is made
# of another's blocks says whose in its shares.cmake; a folder of blocks alone has no file of its own name.
file(GLOB arch_folders CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} models/arch/*)
file(GLOB arch_files CONFIGURE_DEPENDS models/arch/*/*.cpp models/arch/*/shares.cmake)
set(arch_rooms ${arch_folders})
set(families)
add_library(room_models_arch INTERFACE)  # all of them, for tests
foreach(folder ${arch_folders})
  set(shares)
  include(${PROJECT_SOURCE_DIR}/${folder}/shares.cmake OPTIONAL)
  list(TRANSFORM shares PREPEND models/arch/)
  fovea_room(${folder} LIGHT SEES models/model ${shares})
  get_filename_component(family ${folder} NAME)
  target_link_libraries(room_models_arch INTERFACE room_models_arch_${family})
  if("${PROJECT_SOURCE_DIR}/${folder}/${family}.cpp" IN_LIST arch_files)
    list(APPEND families ${family})
  endif()
endforeach()

fovea_room(maps LIGHT SEES models/model)
fovea_room(models/registry LIGHT SEES models/model maps)
set(family_declarations)
set(family_calls)
foreach(family ${families})
  string(APPEND family_declarations "Family ${family}_family();\n")
  string(APPEND family_calls "\n      ${family}_family(),")
endforeach()
configure_file(models/registry/families.cpp.in ${PROJECT_BINARY_DIR}/families.cpp @ONLY)
target_sources(objects_models_registry PRIVATE ${PROJECT_BINARY_DIR}/families.cpp)
fovea_room(vision SEES runtime/ops/image models/config)
fovea_room(models/tasks SEES models/registry maps vision)
fovea_room(stream SEES models/tasks)

file(GLOB embedded_files CONFIGURE_DEPENDS models/registry/embedded*/*)
set_property(SOURCE ${PROJECT_SOURCE_DIR}/models/registry/bytes.S APPEND PROPERTY OBJECT_DEPENDS "${embedded_files}")

fovea_objects_of(library_objects core runtime/vk shaders runtime/record runtime/tune ${op_rooms} models/config models/text
                 models/weights models/nn models/model ${arch_rooms} maps models/registry vision models/tasks stream)
