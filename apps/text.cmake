# Rooms of the program that need neither a device nor OpenCV.
find_path(BOOST_HEADERS boost/beast/http/parser.hpp DOC "Folder that holds Boost's headers")
if(NOT BOOST_HEADERS)
  message(FATAL_ERROR "Boost.Beast is missing, which reads what browsers send to `fovea overlay --serve`: install "
                      "libboost-dev, or set BOOST_HEADERS")
endif()
# Its warnings are not ours.
add_library(fovea_boost INTERFACE)
target_include_directories(fovea_boost SYSTEM INTERFACE ${BOOST_HEADERS})

fovea_room(apps/text SEES core LIBRARIES nlohmann_json::nlohmann_json PRECOMPILED json)
fovea_room(apps/serve/http SEES apps/text LIBRARIES fovea_boost)
