# The real server and client on loopback.
add_test(NAME e2e.cookie_factory COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/cookie_factory.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${DTMV_DATA_DIR})
add_test(NAME e2e.window COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/window.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME e2e.bad_server COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/bad_server.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(e2e.cookie_factory e2e.window e2e.bad_server PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 180)
