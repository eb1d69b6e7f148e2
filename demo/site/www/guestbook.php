<?php
// Signs the guest book.

$name = trim((string) ($_POST['name'] ?? ''));
$message = trim((string) ($_POST['message'] ?? ''));
if ($name === '' || $message === '' || strlen($name) > 80 || strlen($message) > 500) {
    http_response_code(422);
    exit("A name and a message of at most 500 characters, please.\n");
}
$line = json_encode([$name, $message], JSON_INVALID_UTF8_SUBSTITUTE) . "\n";
file_put_contents(__DIR__ . '/../data/guestbook', $line, FILE_APPEND | LOCK_EX);
header('Location: /', true, 303);
