# The load generator against the real server, and what both leave behind.
add_test(NAME e2e.load COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/load.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(e2e.load PROPERTIES TIMEOUT 180)
