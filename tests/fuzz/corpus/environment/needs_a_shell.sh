if [ "$A" = "x" ]; then export B=${C:+"d ${E-f}"}; elif [ -n "$A" ]; then curl x; fi
export X=`id` Y=$(id) Z=~ *
case a in a) ;; esac
