import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fitsVerifier, scramVerifier } from '../../lib/database/scram.ts'

test("the verifier is RFC 7677's example's", () => {
  // RFC 7677 section 3: user, pencil, this salt; StoredKey and ServerKey as PostgreSQL derives them from it.
  const verifier = scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))
  assert.is(
    verifier,
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  )
})

test('a password fits its own verifier and no other', () => {
  for (const password of ['x', 'a longer password', 'p ä\u00a0ß', '\u212b', '💥']) {
    const verifier = scramVerifier(password)
    assert.ok(fitsVerifier(password, verifier))
    assert.not.ok(fitsVerifier(`${password}x`, verifier))
    if (password.length > 3) assert.not.ok(verifier.includes(password))
  }
  assert.not.ok(fitsVerifier('x', 'md5d41d8cd98f00b204e9800998ecf8427e'))
  assert.not.ok(fitsVerifier('x', ''))
})

test.run()
