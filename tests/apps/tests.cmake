# Tests of the program.
find_package(OpenCV REQUIRED COMPONENTS core imgproc imgcodecs videoio)

# The commands, driven as a user does; OpenCV makes their pictures.
fovea_tests(cli apps/cli LINKS fovea opencv_core opencv_imgproc opencv_imgcodecs opencv_videoio)
add_dependencies(test_cli fovea_program)
set_property(TEST cli APPEND PROPERTY ENVIRONMENT "FOVEA_PROGRAM=$<TARGET_FILE:fovea_program>")

# The parts of the program that are not seen from outside: frame sources, viewers, what is drawn for them; the
# arithmetic of evaluations.
fovea_tests(ui apps/ui LINKS fovea_apps opencv_imgcodecs opencv_videoio)
fovea_tests(evaluate apps/evaluate LINKS fovea_apps)

# A stream from another process, killed and restarted; for minutes of it run the script by hand.
add_executable(stream_probe apps/ui/stream_probe.cpp)
target_link_libraries(stream_probe PRIVATE fovea_apps)
fovea_python_test(ui_source ui 300 ../tools/stream_soak.py --probe $<TARGET_FILE:stream_probe>
                  --model ${CMAKE_CURRENT_SOURCE_DIR}/golden/vit_mini --seconds 15 --restarts 1)
# The windows on displays of their own, by keys and mouse.
fovea_python_test(ui_window ui 300 apps/ui/window/drive.py $<TARGET_FILE:fovea_program>
                  ${CMAKE_CURRENT_SOURCE_DIR}/golden/vit_mini)
fovea_python_test(ui_text_window ui 300 apps/ui/window/text_drive.py $<TARGET_FILE:fovea_program>
                  ${CMAKE_CURRENT_SOURCE_DIR}/golden/trocr_small)

fovea_tests(serve apps/serve LINKS fovea_apps)
# The server: what it promises, what strangers may send, and its page in a real browser.
foreach(name api hostile page text_api text_hostile text_page)
  fovea_python_test(serve_${name} serve 300 apps/serve/${name}_test.py)
endforeach()

# Models from a hub, which the test plays itself; and files that predate safetensors.
foreach(name download choice)
  fovea_python_test(pull_${name} models_on_disk 300 apps/hub/${name}_test.py)
endforeach()
fovea_python_test(convert models_on_disk 300 convert/convert_test.py ${PROJECT_SOURCE_DIR}/tools/convert.py
                  $<TARGET_FILE:fovea_program>)

# The program on random models against forward passes in numpy.
fovea_python_test(against_numpy models 900 random_model/against_program.py ${PROJECT_SOURCE_DIR}/tools/random_model
                  $<TARGET_FILE:fovea_program>)

if(EXISTS ${FOVEA_SHARED}/models)
  fovea_tests(photographs apps/photographs LINKS fovea_apps opencv_core opencv_imgproc)
  add_dependencies(test_photographs fovea_codecs)
  target_compile_definitions(test_photographs PRIVATE FOVEA_SHARED="${FOVEA_SHARED}")
endif()

# The embedded model on the pictures that its card speaks of.
if(EXISTS ${FOVEA_SHARED}/data/things100)
  fovea_python_test(validation photographs 600 apps/embedded/validation_test.py ${FOVEA_SHARED}/data/things100
                    ${CMAKE_CURRENT_SOURCE_DIR}/golden/embedded/validation.json)
endif()
