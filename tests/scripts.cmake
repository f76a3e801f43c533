# Tests that are scripts. Each prints what it checked; return code 77 is a skip that says why.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_test(NAME layers COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/check_layers.py)

if(TARGET dtmv-bench)
  add_test(NAME bench.other_cubes COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/bench/check_cubes.py
    $<TARGET_FILE:make_cubes> $<TARGET_FILE:dtmv-bench>)
endif()

# tests/conformance/<subject>.cmake registers what needs its own programs or data.
file(GLOB conformance CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/conformance/*.cmake)
foreach(part ${conformance})
  include(${part})
endforeach()

# tests/e2e/<program>.cmake registers what runs the real programs.
if(TARGET dtmv-server)
  file(GLOB e2e CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/e2e/*.cmake)
  foreach(part ${e2e})
    include(${part})
  endforeach()
endif()
