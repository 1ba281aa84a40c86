//! A signed claim (RFC 7519) as login services take it: RS256 over a header and claims.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;

/// An RSA key that signs.
pub(crate) struct Signer {
    key: KeyPair,
    /// The key's name (`kid`), where it has one.
    id: Option<String>,
}

impl Signer {
    /// A key from PEM text (`BEGIN PRIVATE KEY`, PKCS #8).
    ///
    /// # Errors
    /// What is wrong with it, to follow the name of the setting.
    pub(crate) fn new(pem: &str, id: Option<String>) -> Result<Self, &'static str> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| "holds no private key in PEM (BEGIN PRIVATE KEY)")?;
        let key = KeyPair::from_pkcs8(der.secret_pkcs8_der())
            .map_err(|_| "holds a private key that is not an RSA key of 2048 to 8192 bits")?;
        Ok(Self { key, id })
    }

    /// The claims with their signature. None only when the machine has no randomness.
    pub(crate) fn sign(&self, claims: &Value) -> Option<String> {
        let mut header = serde_json::json!({ "alg": "RS256", "typ": "JWT" });
        if let (Some(id), Some(header)) = (&self.id, header.as_object_mut()) {
            header.insert("kid".to_owned(), id.as_str().into());
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut text = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Some(text)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    /// A key made for one test.
    pub(crate) fn pem() -> String {
        use base64::engine::general_purpose::STANDARD;
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().unwrap();
        let lines: Vec<String> = STANDARD
            .encode(der.as_ref())
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    }

    #[test]
    fn what_is_signed_can_be_verified() {
        let signer = Signer::new(&pem(), Some("k1".to_owned())).unwrap();
        let token = signer.sign(&serde_json::json!({ "iss": "me" })).unwrap();
        let (text, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = text.split_once('.').unwrap();
        let read = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        assert_eq!(read(header), r#"{"alg":"RS256","typ":"JWT","kid":"k1"}"#);
        assert_eq!(read(claims), r#"{"iss":"me"}"#);
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, signer.key.public_key().as_ref());
        public.verify(text.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(Signer::new(text, None).is_err());
        }
    }
}
