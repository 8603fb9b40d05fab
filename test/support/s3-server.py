"""OpenStack Swift with its S3 API as one process: FOLDER PORT ACCOUNT:USER SECRET.

Prints "ready" once it listens. Every part of it is Debian's python3-swift; this file only makes the rings and the configuration.
"""
import os
import socket
import sys

import eventlet

eventlet.monkey_patch()
from eventlet import wsgi
from swift.common import utils

utils.HASH_PATH_SUFFIX = b'vital'
from swift.common.ring import RingBuilder
from swift.common.wsgi import SwiftHttpProtocol, loadapp

directory, port, user, secret = sys.argv[1], int(sys.argv[2]), sys.argv[3].replace(':', '_'), sys.argv[4]


def listen(at):
    sock = eventlet.listen(('127.0.0.1', at), backlog=512)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


os.makedirs(f'{directory}/devices/d1', exist_ok=True)
servers = []
for kind in ('account', 'container', 'object'):
    sock = listen(0)
    builder = RingBuilder(1, 1, 0)
    own = sock.getsockname()[1]
    builder.add_dev({'id': 0, 'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': own, 'replication_ip': '127.0.0.1',
                     'replication_port': own, 'device': 'd1', 'weight': 1, 'meta': ''})
    builder.rebalance()
    builder.get_ring().save(f'{directory}/{kind}.ring.gz')
    conf = f'{directory}/{kind}.conf'
    with open(conf, 'w') as out:
        out.write(f'''[DEFAULT]
devices = {directory}/devices
mount_check = false
swift_dir = {directory}
disable_fallocate = true
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
''')
    servers.append((kind, conf, sock))
conf = f'{directory}/proxy.conf'
with open(conf, 'w') as out:
    out.write(f'''[DEFAULT]
swift_dir = {directory}
[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth bulk slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_{user} = {secret} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
''')
servers.append(('proxy', conf, listen(port)))
for kind, conf, sock in servers:
    app = loadapp(conf, global_conf={'log_name': kind})
    log = open(f'{directory}/{kind}.log', 'a')
    eventlet.spawn(wsgi.server, sock, app, log, protocol=SwiftHttpProtocol, keepalive=True, max_size=64)
print('ready', flush=True)
while True:
    eventlet.sleep(3600)
