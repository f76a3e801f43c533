# A service from outside over HTTP and WebSocket, well-behaved and not, against the gateway on real sockets: with a
# double of the enabler behind it, and as part of a whole server with the simulated plant.
add_test(NAME e2e.gateway COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/http_service.py
  --action setSpeed --value 1200 -- $<TARGET_FILE:gateway_host>)
add_test(NAME e2e.http_service COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/http_service.py
  --server --property power --limit 0 --action setSpeed --value 900 -- $<TARGET_FILE:dtmv-server>)
set_tests_properties(e2e.gateway e2e.http_service PROPERTIES TIMEOUT 180)
