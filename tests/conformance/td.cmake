# Every Thing Description of the tree against the W3C schema.
add_test(NAME conformance.td COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_td.py
  --schema ${DTMV_DATA_DIR}/wot/td-json-schema-validation.json)
set_tests_properties(conformance.td PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)
