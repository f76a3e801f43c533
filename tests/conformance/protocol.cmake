# What the program emits, read by a decoder that was written from shared/PROTOCOL.md alone.
add_executable(emit_vectors ${CMAKE_CURRENT_LIST_DIR}/emit_vectors.c)
target_link_libraries(emit_vectors PRIVATE dtmv_shared)
set_target_properties(emit_vectors PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME conformance.protocol COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/verify_protocol.py
  ${CMAKE_SOURCE_DIR}/shared/PROTOCOL.md $<TARGET_FILE:emit_vectors>)
set_tests_properties(conformance.protocol PROPERTIES TIMEOUT 300)
