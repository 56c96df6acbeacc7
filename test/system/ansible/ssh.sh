#!/bin/sh
# Takes the place of ssh for Ansible: runs what ssh was to run, its last argument, on the test machine. Standard
# input and output are the command's, as ssh's would be.
for command; do :; done
# shellcheck disable=SC2086 # words
exec $ENTROPYD_TEST_MACHINE env HOME=/root /bin/sh -c "$command"
