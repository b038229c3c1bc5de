#!/bin/sh
# what image builders write
export PATH="/opt/app/bin:${PATH:-/bin}" EMPTY= QUOTED='a $b "c"'
LOCAL=one; export LOCAL
if [ -z "$LD_LIBRARY_PATH" ]; then
    export LD_LIBRARY_PATH=/opt/app/lib
else
    export LD_LIBRARY_PATH="$LD_LIBRARY_PATH:/opt/app/lib"
fi
unset A
: ; true
