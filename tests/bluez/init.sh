#!/bin/busybox sh
# The first process of the machine: the real Bluetooth stack, then orders line by line.
/bin/busybox mkdir -p /proc /sys /dev /run/dbus /tmp /usr/bin /usr/sbin /root \
    /var/lib/bluetooth /etc/dbus-1/system.d /usr/share/dbus-1/system.d
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin HOME=/root LANG=C.UTF-8
mount -t proc p /proc
mount -t sysfs s /sys
mount -t devtmpfs d /dev
ln -s /run /var/run
while read -r module; do insmod "/m/$module" || echo "insmod $module failed"; done </m/order
hostname vm
ifconfig lo up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0

adapter() { btattach -B /dev/hvc0 -P h4 -S 115200 >/dev/null & }
daemon() { /usr/libexec/bluetooth/bluetoothd -n 2>&1 & }

dbus-daemon --config-file=/etc/bus.conf --nofork --nopidfile &
until [ -c /dev/hvc0 ] && [ -S /run/dbus/system_bus_socket ]; do usleep 50000; done
adapter
daemon
n=0
until bluetoothctl show 2>/dev/null | grep -q 'Powered: yes'; do
    n=$((n + 1))
    [ $n -gt 150 ] && { echo "NO ADAPTER"; poweroff -f; }
    usleep 200000
done
echo "READY kernel $(uname -r), bluetoothd $(bluetoothctl --version | cut -d' ' -f2)"
while read -r order; do
    eval "$order"
    echo "DONE $order"
done
poweroff -f
