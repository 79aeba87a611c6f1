// A certified OpenID provider on a port of this machine, with one client, and pages of ours where a person taps.
// TLS ends before it, as behind any proxy. What the time is, each request says.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import Provider from 'oidc-provider';

const { issuer, client_id, redirect_uri, jwk } = JSON.parse(process.argv[2]);
let now = 0;
Date.now = () => now * 1000;

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const provider = new Provider(issuer, {
  clients: [{
    client_id,
    redirect_uris: [redirect_uri],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    id_token_signed_response_alg: 'ES256',
    jwks: { keys: [jwk] },
  }],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' }] },
  acrValues: ['aal3'],
  clockTolerance: 60,
  cookies: { keys: ['of these tests'] },
  features: { devInteractions: { enabled: false } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_, interaction) => `/tap/${interaction.uid}` },
  async loadExistingGrant(ctx) { // whoever taps agrees: only the tap is looked at here
    const grant = new provider.Grant({ accountId: ctx.oidc.session.accountId, clientId: ctx.oidc.client.clientId });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
});
provider.proxy = true;

async function form(request) {
  let body = '';
  for await (const part of request) body += part;
  return Object.fromEntries(new URLSearchParams(body));
}

const protocol = provider.callback();
const server = createServer(async (request, response) => {
  now = Number(request.headers['x-now']);
  response.sendDate = false; // it would be the real one
  if (!request.url.startsWith('/tap/')) {
    protocol(request, response);
  } else if (request.method === 'GET') {
    response.end('tap the card');
  } else {
    const { who, acr, ...error } = await form(request);
    const login = { accountId: who, acr, remember: false }; // kept as long as the browser is open
    await provider.interactionFinished(request, response, who ? { login } : error);
  }
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
console.log(server.address().port);
