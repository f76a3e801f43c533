# conformance.gltf: the shipped models against the Khronos validator, which ./run installs with npm. Node.js is looked for
# when the test runs: the build may have been configured before it was installed.
add_test(NAME conformance.gltf COMMAND sh -c
  "command -v node >/dev/null || { echo 'skipped: no Node.js'; exit 77; }; exec node \"$@\"" sh
  ${CMAKE_CURRENT_LIST_DIR}/check_gltf.mjs ${CMAKE_SOURCE_DIR}/assets ${CMAKE_SOURCE_DIR}/build/npm/node_modules)
set_tests_properties(conformance.gltf PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)
