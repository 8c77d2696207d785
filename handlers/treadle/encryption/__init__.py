"""What is stored is encrypted by the author's own handlers, and decrypted before anybody sees it."""
