# A service from outside over HTTP and WebSocket, well-behaved and not, against the gateway on real sockets.
add_test(NAME e2e.http_service COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/e2e/http_service.py
  --action setSpeed --value 1200 -- $<TARGET_FILE:gateway_host>)
set_tests_properties(e2e.http_service PROPERTIES TIMEOUT 180)
