# Our Sparkplug B decoder and encoder against protobuf-c, generated from a schema with the public field numbers.
find_program(PROTOC_C protoc-c)
if(PROTOC_C AND TARGET dtmv_server_core)
  set(oracle ${CMAKE_BINARY_DIR}/sparkplug_oracle)
  file(MAKE_DIRECTORY ${oracle})
  add_custom_command(OUTPUT ${oracle}/sparkplug_b.pb-c.c ${oracle}/sparkplug_b.pb-c.h
    COMMAND ${PROTOC_C} --proto_path=${CMAKE_CURRENT_SOURCE_DIR}/conformance --c_out=${oracle} sparkplug_b.proto
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/conformance/sparkplug_b.proto)
  add_library(sparkplug_schema STATIC ${oracle}/sparkplug_b.pb-c.c)
  target_include_directories(sparkplug_schema SYSTEM PUBLIC ${oracle})
  target_link_libraries(sparkplug_schema PUBLIC PkgConfig::PROTOBUF_C)
  add_executable(sparkplug_oracle ${CMAKE_CURRENT_SOURCE_DIR}/conformance/sparkplug_oracle.c)
  target_link_libraries(sparkplug_oracle PRIVATE dtmv_server_core sparkplug_schema)
  set_target_properties(sparkplug_oracle PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME conformance.sparkplug COMMAND sparkplug_oracle)
endif()
