import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hostsIn, isLoopback } from '../../lib/validate/hosts.ts'

const foreign = (key: string, text: string): string[] => hostsIn(key, text).filter((host) => !isLoopback(host))

/** Texts that reach another machine with at least one program that could read them. */
const reaching: [key: string, text: string][] = [
  ['DATABASE_URL', 'postgres://stats:pw@db.example.com:5432/stats'],
  ['DATABASE_URL', 'postgres://u:p@127.0.0.1:5432,db2.example.com:5432/stats'],
  ['DATABASE_URL', 'postgres:///stats?host=db.example.com'],
  ['DATABASE_URL', 'postgres://localhost/stats?hostaddr=10.0.0.5'],
  ['DATABASE_URL', 'postgres://localhost/stats?host=%64b.example.com'],
  ['X', 'host=db.example.com port=5432 dbname=stats'],
  ['X', "dbname=stats host='10.0.0.5'"],
  ['X', 'host=localhost,db.example.com port=5432,5432'],
  ['X', 'Server=tcp:db.example.com,1433;Database=stats'],
  ['X', 'Data Source=db.example.com;Initial Catalog=stats'],
  ['X', 'mysql:host=db.example.com;dbname=stats'],
  ['X', 'user:pw@tcp(db.example.com:3306)/stats'],
  ['X', 'jdbc:postgresql://db.example.com/stats'],
  ['X', 'http://localhost@evil.example.com/'],
  ['X', 'http://localhost:80@evil.example.com/'],
  ['X', 'http://user:localhost@evil.example.com'],
  ['X', 'http://localhost\\@evil.example.com/'],
  ['X', 'http://evil.example.com\\@localhost/'],
  ['X', 'http://localhost#@evil.example.com/'],
  ['X', 'http://localhost?@evil.example.com/'],
  ['X', 'http://evil.example.com#@localhost/'],
  ['X', 'http://localhost%40evil.example.com/'],
  ['X', 'http://%65vil.example.com/'],
  ['X', 'http://127.0.0.1\t.evil.example.com/'],
  ['X', 'http://127.0.0.1\n.evil.example.com/'],
  ['X', 'http://localhost.evil.example.com/'],
  ['X', 'http://127.0.0.1.evil.example.com/'],
  ['X', 'http:evil.example.com'],
  ['X', 'https:/evil.example.com'],
  ['X', 'https:\\\\evil.example.com'],
  ['X', 'https:////evil.example.com'],
  ['X', '//evil.example.com/path'],
  ['X', 'see //evil.example.com/path'],
  ['X', 'http://3232235777/'],
  ['X', 'http://0xC0A80101/'],
  ['X', 'http://0xC0.0xA8.1.1/'],
  ['X', 'http://0177.0.0.1/'],
  ['X', 'http://10.1/'],
  ['X', 'http://[2001:db8::1]/'],
  ['X', 'http://[::ffff:10.0.0.1]:80/'],
  ['X', 'http://[fe80::1%25eth0]/'],
  ['X', 'http://0.0.0.0:80/'],
  ['X', 'http://[::]:80/'],
  ['X', 'http://１２８.0.0.1/'],
  ['X', 'http://ⓔvil.example.com/'],
  ['X', 'redis://redis:6379'],
  ['X', 'redis://:pw@redis'],
  ['X', 'amqp://guest:guest@rabbit/'],
  ['X', 'redis.internal:6379'],
  ['X', 'a.internal:9092,b.internal:9092'],
  ['X', 'localhost:9092,b.internal:9092'],
  ['X', 'redis:6379'],
  ['X', '10.0.0.5:80'],
  ['X', '3232235777:6379'],
  ['X', '[2001:db8::1]:6379'],
  ['X', 'git@git.example.com:team/repository.git'],
  ['X', 'deploy:pw@db.example.com'],
  ['X', '{"host":"db.example.com","port":5432}'],
  ['X', '{"url":"https://api.example.com"}'],
  ['X', "{ host: 'db.example.com' }"],
  ['X', 'tcp://10.0.0.5:2375'],
  ['X', 's3://bucket/path'],
  ['X', 'https://key@sentry.example.com/1'],
  ['REDIS_HOST', 'redis'],
  ['REDIS_HOST', 'localhost,redis'],
  ['PGHOST', 'db.example.com'],
  ['PGHOSTADDR', '10.0.0.5'],
  ['DB_HOST', '[2001:db8::1]'],
  ['DB_HOST', '2001:db8::1'],
  ['DB_HOST', '%64b.example.com'],
  ['DB_HOST', '3232235777'],
  ['SMTP_SERVER', 'mail'],
  ['KAFKA_BROKERS', 'kafka-1 kafka-2'],
  ['API_URL', 'api.example.com/v1'],
  ['API_ENDPOINT', '10.0.0.5'],
  ['LISTEN_ADDRESS', '0.0.0.0'],
  ['SENTRY_DSN', 'sentry.example.com'],
  ['HTTP_PROXY', 'proxy.example.com:3128'],
  ['API_URL', 'user@api.example.com'],
  ['http_proxy', 'proxy.example.com'],
]
for (const [key, text] of reaching) {
  test(`reaches another machine: ${key}=${JSON.stringify(text)}`, () => {
    assert.ok(foreign(key, text).length > 0, JSON.stringify(hostsIn(key, text)))
  })
}

/** Texts that stay on this machine, or are no address. */
const staying: [key: string, text: string][] = [
  ['DATABASE_URL', 'postgres://stats:s3cretPassword@127.0.0.1:5432/stats?sslmode=disable'],
  ['DATABASE_URL', 'postgres://localhost:5432,127.0.0.2:5433/stats'],
  ['DATABASE_URL', 'postgres://%2Fvar%2Frun%2Fpostgresql/stats'],
  ['DATABASE_URL', 'postgres:///stats?host=/var/run/postgresql'],
  ['DATABASE_URL', 'postgresql:///stats'],
  ['X', 'host=/var/run/postgresql dbname=stats'],
  ['X', 'host=localhost port=5432'],
  ['X', 'host=127.0.0.1,::1 port=5432'],
  ['X', 'http://[::1]:8080/'],
  ['X', 'http://[0:0:0:0:0:0:0:1]/'],
  ['X', 'http://[::ffff:127.0.0.1]/'],
  ['X', 'http://LOCALHOST./'],
  ['X', 'http://127.1/'],
  ['X', 'http://2130706433/'],
  ['X', 'http://0x7f000001/'],
  ['X', 'http://localhost:3000/users/@me?mail=a@example.com'],
  ['X', 'http://localhost:3000/?next=/a'],
  ['X', 'unix:///var/run/app.sock'],
  ['X', 'file:///etc/app.conf'],
  ['X', 'redis://:pw@127.0.0.1:6379/0'],
  ['X', 'user:pw@tcp(127.0.0.1:3306)/stats'],
  ['PGHOST', '/var/run/postgresql'],
  ['DB_HOST', 'localhost'],
  ['DB_HOST', '::1'],
  ['DB_HOST', '[::1]'],
  ['ALLOWED_HOSTS', '*'],
  ['API_URL', '/api/v1'],
  ['API_URL', ''],
  ['API_ENDPOINT', '/stats'],
  ['MAIL_FROM', 'ops@example.com'],
  ['MAIL_FROM', 'Operations <ops@example.com>'],
  ['LOG_LEVEL', 'info'],
  ['INTERVAL', '12:30'],
  ['VERSION', '1.10.3'],
  ['GREETING', 'hello: world. Bye.'],
  ['PORT', '8080'],
  ['TIME', '2026-11-20T12:30:59Z'],
  ['DSN', ''],
]
for (const [key, text] of staying) {
  test(`stays on this machine: ${key}=${JSON.stringify(text)}`, () => {
    assert.equal(foreign(key, text), [])
  })
}

test('loopback is localhost, 127.0.0.0/8 and ::1, and nothing that resolves to it by convention', () => {
  for (const host of ['localhost', '127.0.0.1', '127.255.255.254', '::1', '/run/x.sock'])
    assert.ok(isLoopback(host), host)
  for (const host of [
    'a.localhost',
    'localhost.localdomain',
    'ip6-localhost',
    '128.0.0.1',
    '126.0.0.1',
    '127.0.0.1.',
    '127.0.0.256',
    '127.0.0',
    '::2',
    '::',
    '0.0.0.0',
    '',
  ]) {
    assert.is(isLoopback(host), ['127.0.0.1.', '127.0.0'].includes(host), host)
  }
})

test.run()
