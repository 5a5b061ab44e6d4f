//! Passwords that somebody would guess, and a few that nobody does.

/// The same in other alphabets and in disguise, one a line: there is white space in some.
pub const IN_DISGUISE: &str = "\
пароль12345
йцукен12345
비밀번호1234
パスワード123
كلمةالسر123
Contraseña1
München1972!
ｐａｓｓｗｏｒｄ１
pаsswоrd123
p.a.s.s.w.o.r.d
q w e r t y u i o p
https://google.com
192.168.1.254
3.14159265358979
wangxiaoming1990
Bella+Max2019
";

/// Hard ones in several alphabets, one a line.
pub const STRONG: &str = "\
берёза компас трамвай лимон
창문오렌지기차우산
窗户橙子火车雨伞
fönster äpple järnväg paraply
plinth.gherkin.wombat.sonnet
qhtzvbnwakse
";

/// Two hundred: the common ones, words with the usual endings, walks over the keyboard, dates, repeats, and the words of
/// this service. None has white space in it.
pub const LIST: &str = "
123456 password 12345678 qwerty 123456789 12345 1234567 111111 1234567890 123123 000000 abc123 password1 iloveyou
1q2w3e4r qwertyuiop 123321 monkey dragon 654321 666666 letmein football baseball master michael shadow superman
qazwsx trustno1 princess sunshine welcome charlie donald passw0rd Password1 Password123 P@ssw0rd P@ssword1 password!
password123 password1234 passwordpassword letmein123 welcome1 Welcome123 welcome2024 qwerty123 qwerty12345 qwertyui
asdfghjkl zxcvbnm asdfghjk zxcvbnm123 1qaz2wsx 1qaz2wsx3edc qazwsxedc zaq12wsx !QAZ2wsx q1w2e3r4 q1w2e3r4t5 poiuytrewq
lkjhgfdsa mnbvcxz 0987654321 987654321 11111111 00000000 88888888 12341234 11223344 12121212 123123123 112233445566
123454321 1234554321 abcdefgh abcdefghij abcd1234 abc12345 a1b2c3d4 aaaaaaaa aaaaaaaaaaaa zzzzzzzzzz abababab abcabcabc
xyzxyzxyz qweqweqwe asdasdasd 123qweasd 123qweasdzxc qwe123qwe football1 baseball1 superman1 batman123 spiderman
pokemon123 starwars computer internet whatever michelle jennifer jordan23 liverpool chelsea1 arsenal1 manchester
september december2023 January2024 Summer2024 Winter2023! autumn2022 Spring2025 monday123 Friday13 1990-01-01 19900101
01011990 31121999 12/25/1999 2000-12-31 20001231 14021988 04071776 iloveyou1 iloveyou2 ilovedogs lovelove iloveyou123
forever1 princess1 butterfly sunshine1 chocolate cookie123 cheese123 pepper123 ginger12 buster123 bailey12 maggie123
charlie1 buddy123 rocky123 molly1234 daisy123 lucky123 shadow12 doggy123 doggies1 dogowner dogowner1 kennel123
kennels1 kennelkennel mydog123 goodboy1 goodboy123 puppy123 puppydog puppylove bulldog1 labrador poodle12 retriever
terrier1 doglover dogfood1 hotdog123 watchdog bigdog123 admin123 administrator root1234 toor1234 changeme changeme1
secret123 secret12 default1 guest123 testtest test1234 testing123 temp1234 login123 access14 letmein1 opensesame
trustno1! hello123 helloworld hellohello dragon123 monkey123 master123
";
