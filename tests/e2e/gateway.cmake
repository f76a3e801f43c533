# A service from outside over HTTP and WebSocket, well-behaved and not, against the gateway on real sockets.
add_test(NAME e2e.http_service COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/http_service.py
  --action setSpeed --value 1200 -- $<TARGET_FILE:gateway_host>)
# The same against the real server, and what it tells a scraper.
add_test(NAME e2e.http_server COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/http_service.py
  --thing pump-1 --property bearingTemperature --limit 0 --action setSpeed --value 1200
  --metric dtmv_system_up --metric dtmv_metaverse_things_bound --metric dtmv_enabler_grants_total
  --metric dtmv_twin_samples_total --metric dtmv_interface_messages_total
  -- $<TARGET_FILE:dtmv-server> --world plant --port 0 --http 0 --service-tokens {tokens})
set_tests_properties(e2e.http_service e2e.http_server PROPERTIES TIMEOUT 180)
