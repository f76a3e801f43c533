# A handshake and packets, computed a second time from PROTOCOL.md and the specifications it names.
add_executable(emit_secure ${CMAKE_CURRENT_LIST_DIR}/emit_secure.c)
target_link_libraries(emit_secure PRIVATE dtmv_shared)
set_target_properties(emit_secure PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME conformance.secure COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/verify_secure.py
  $<TARGET_FILE:emit_secure>)
