# The bus between processes against an independent reader, and the page of messages against their declaration.
add_executable(emit_bus ${CMAKE_CURRENT_LIST_DIR}/emit_bus.c)
target_link_libraries(emit_bus PRIVATE dtmv_shared)
set_target_properties(emit_bus PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME conformance.bus COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/verify_bus.py
  ${CMAKE_SOURCE_DIR}/shared/systems/families.h ${CMAKE_SOURCE_DIR}/shared/systems/INTERFACES.md $<TARGET_FILE:emit_bus>)
