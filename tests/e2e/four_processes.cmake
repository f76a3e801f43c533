# The reference model in four processes with a real Mosquitto.
add_test(NAME e2e.live_loop COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/live_loop.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME e2e.kill_rounds COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/kill_rounds.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} 5)
# The same procedure in one process, as the demo runs it.
add_test(NAME e2e.trace_steps COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/trace_steps.py
  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(e2e.live_loop e2e.kill_rounds e2e.trace_steps PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
