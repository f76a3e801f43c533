# dtmv-trace against an independent reading of the same files, and its exit codes on bad ones.
add_test(NAME conformance.trace COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_trace.py
  --program $<TARGET_FILE:dtmv-trace> --data ${DTMV_DATA_DIR})
set_tests_properties(conformance.trace PROPERTIES TIMEOUT 120)
