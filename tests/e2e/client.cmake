# The real server and client on loopback.
add_test(NAME e2e.cookie_factory COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/cookie_factory.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${DTMV_DATA_DIR})
add_test(NAME e2e.tickless COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/cookie_factory.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${DTMV_DATA_DIR} 20 --tickless)
add_test(NAME e2e.window COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/window.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME e2e.bad_server COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/bad_server.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME e2e.bad_input COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/bad_input.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${DTMV_DATA_DIR})
add_test(NAME e2e.memory COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/soak.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} --seconds 30)
add_test(NAME e2e.impaired COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/impaired.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${DTMV_DATA_DIR})
add_test(NAME e2e.visitors COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/visitors.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(e2e.visitors PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
add_test(NAME e2e.resume COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/resume.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME e2e.identity COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/identity.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(e2e.bad_input e2e.memory e2e.impaired e2e.identity e2e.resume PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 180)
set_tests_properties(e2e.cookie_factory e2e.tickless e2e.window e2e.bad_server PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 180)

# Records the corpus of fuzz_client_session anew; not part of a normal build.
add_executable(record_client_session EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/fuzz/record_client_session.c)
target_link_libraries(record_client_session PRIVATE dtmv_server_core dtmv_client_core)
