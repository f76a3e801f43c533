# conformance.gltf: the shipped models against the Khronos validator, which ./run installs with npm.
find_program(NODE_PROGRAM node)
if(NODE_PROGRAM)
  add_test(NAME conformance.gltf COMMAND ${NODE_PROGRAM} ${CMAKE_CURRENT_LIST_DIR}/check_gltf.mjs
    ${CMAKE_SOURCE_DIR}/assets ${CMAKE_SOURCE_DIR}/build/npm/node_modules)
  set_tests_properties(conformance.gltf PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)
else()
  message(STATUS "No node: the test conformance.gltf is left out")
endif()
