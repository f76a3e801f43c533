# The world over the real recording is what its scene file says.
add_test(NAME real.cookiefactory_world COMMAND ${Python3_EXECUTABLE} -B
  ${CMAKE_SOURCE_DIR}/tests/real/cookiefactory/make_world.py --check --data ${DTMV_DATA_DIR}/cookiefactory)
set_tests_properties(real.cookiefactory_world PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)
