/** WebAuthn as JSON (WebAuthn Level 3, section 5.1), for browsers that can't parse and write it themselves yet. */

/** @param {string} text  base64url @returns {Uint8Array<ArrayBuffer>} */
function bytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
}

/** @param {ArrayBuffer | null} buffer @returns {string | null} */
function base64url(buffer) {
  if (!buffer) return null;
  const text = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

export const canUsePasskey = () => typeof PublicKeyCredential !== "undefined";

/**
 * Asks the device for a passkey.
 * @param {any} options  PublicKeyCredentialRequestOptionsJSON
 * @returns {Promise<unknown>}  AuthenticationResponseJSON
 * @throws {DOMException}  the person said no, or there is none
 */
export async function usePasskey(options) {
  const allow = (options.allowCredentials ?? []).map((/** @type {any} */ one) => ({
    ...one,
    id: bytes(one.id),
  }));
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: allow };
  const credential = /** @type {PublicKeyCredential} */ (await navigator.credentials.get({ publicKey }));
  const response = /** @type {AuthenticatorAssertionResponse} */ (credential.response);
  return {
    id: credential.id,
    rawId: base64url(credential.rawId),
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: {
      authenticatorData: base64url(response.authenticatorData),
      clientDataJSON: base64url(response.clientDataJSON),
      signature: base64url(response.signature),
      userHandle: base64url(response.userHandle),
    },
  };
}
