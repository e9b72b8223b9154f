// A real OpenID provider for tests: `node provider.js PORT REDIRECT_URI`. Everybody's login is their subject;
// whose begins with "dr-" is of the group "doctors". Each start signs with a fresh key, as after a rotation.
// Prints "ready" when it listens.

import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const [port, redirectUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: `key-${Date.now()}` };

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "mediaserver",
      client_secret: "a secret: of 40 characters, with: colons",
      redirect_uris: [redirectUri],
      response_types: ["code"],
      grant_types: ["authorization_code"],
    },
  ],
  jwks: { keys: [key] },
  cookies: { keys: ["only for tests"] },
  claims: { openid: ["sub", "groups"], profile: ["name", "preferred_username"], email: ["email"] },
  // Claims of the scopes in the ID token as well, as clinics' providers are usually set up.
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      groups: id.startsWith("dr-") ? ["doctors", "parking"] : ["cleaners"],
      name: `Name of ${id}`,
      preferred_username: id,
      email: `${id}@clinic.example`,
    }),
  }),
});

provider.listen(Number(port), "127.0.0.1", () => process.stdout.write("ready\n"));
