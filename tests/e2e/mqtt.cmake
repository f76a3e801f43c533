# Live feeds behind a real Mosquitto: values, commands, a broker that is killed, a last will.
add_executable(watch_feed ${CMAKE_CURRENT_SOURCE_DIR}/e2e/watch_feed.c)
target_link_libraries(watch_feed PRIVATE dtmv_server_core)
set_target_properties(watch_feed PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

add_test(NAME e2e.mqtt COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/e2e/mqtt.py $<TARGET_FILE:watch_feed>)
set_tests_properties(e2e.mqtt PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)

add_test(NAME e2e.sparkplug COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/e2e/sparkplug.py $<TARGET_FILE:watch_feed>)
set_tests_properties(e2e.sparkplug PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)

# The access lists that MQTT.md recommends, on a real Mosquitto.
add_test(NAME e2e.broker_acl COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/e2e/broker_acl.py ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(e2e.broker_acl PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
