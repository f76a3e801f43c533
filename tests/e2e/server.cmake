# dtmv-server as a program: options, exit codes, messages, signals, hostile datagrams.
add_test(NAME e2e.server_cli
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/e2e/server_cli.py --server $<TARGET_FILE:dtmv-server>)
set_tests_properties(e2e.server_cli PROPERTIES TIMEOUT 120)

# Attacks on the real server, while a well-behaved client measures.
add_test(NAME e2e.attacks COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/attacks.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} $<TARGET_FILE:attack>)
set_tests_properties(e2e.attacks PROPERTIES TIMEOUT 180)

add_test(NAME e2e.hints COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/hints.py $<TARGET_FILE_DIR:dtmv-server>)
set_tests_properties(e2e.hints PROPERTIES TIMEOUT 180)
