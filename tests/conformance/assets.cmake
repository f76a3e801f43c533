# What assets/ holds is what its generator makes, and keeps to the schemas.
add_test(NAME conformance.assets COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_assets.py
  ${CMAKE_SOURCE_DIR}/assets)
add_test(NAME conformance.plant_values COMMAND ${Python3_EXECUTABLE} -B
  ${CMAKE_CURRENT_LIST_DIR}/check_plant_values.py ${CMAKE_SOURCE_DIR}/assets)
set_tests_properties(conformance.assets conformance.plant_values PROPERTIES TIMEOUT 120)
if(TARGET dtmv-trace)
  add_test(NAME conformance.plant_trace COMMAND dtmv-trace --world ${CMAKE_SOURCE_DIR}/assets/worlds/plant validate)
endif()
