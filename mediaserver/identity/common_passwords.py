"""Passwords that are tried first: the head of what leaks show year after year, and what a clinic's staff
would come up with. Case, punctuation and digits at the end don't count.
"""

from __future__ import annotations

COMMON = frozenset(
    """
    password passwort passw0rd p@ssw0rd p4ssword pa55word password1 password123 passwordpassword
    mypassword yourpassword thepassword newpassword changeme changemenow changeit default defaultpassword
    letmein letmeinnow welcome welcomeback welcomehome admin administrator adminadmin rootroot superuser
    qwerty qwertyui qwertyuiop qwertyqwerty qwertzui qwertzuiop azertyui azertyuiop asdfghjk asdfghjkl
    asdfasdf zxcvbnm zxcvbnmm qazwsxedc qazwsxedcrfv 1qaz2wsx 1q2w3e4r 1q2w3e4r5t 1qaz2wsx3edc q1w2e3r4
    q1w2e3r4t5 zaq12wsx 123456789 1234567890 12345678 123123123 1234512345 12341234 123454321 987654321
    123456789a a123456789 123qweasd qwe123qwe 147258369 159753456 789456123 741852963 11223344 112233445566
    aa123456 abc12345 abcd1234 abcdefgh abcdefg1 abc123abc iloveyou iloveyouu ilovemyself loveyou lovelove
    sunshine princess football baseball basketball superman batman dragon monkey shadow master michael jordan
    jennifer jessica michelle charlie daniel hunter ranger buster soccer hockey killer george andrew thomas
    starwars trustno1 whatever computer internet samsung google facebook microsoft windows android iphone
    liverpool chelsea arsenal barcelona juventus manchester realmadrid mercedes ferrari porsche
    blink182 linkinpark metallica slipknot nirvana pokemon naruto minecraft fortnite
    secret topsecret secretsecret hello helloworld hellohello goodmorning godisgood jesuschrist blessed
    butterfly chocolate strawberry cookie pepper ginger summer winter spring autumn
    summertime wintertime january february september october november december monday friday saturday sunday
    testtest testing testpassword temporary temppassword guestguest useruser username login loginlogin
    access accessdenied opensesame correcthorsebatterystaple correcthorse
    doctor doctordoctor nurse nursenurse hospital clinic clinicclinic patient patients medicine medical
    health healthcare telehealth telemedicine telemed mediaserver physician surgery practice reception
    frontdesk pharmacy emergency ambulance stethoscope
    contrasena contraseña clave secreto bienvenido bienvenida hospitalito enfermera medico doctora
    motdepasse bonjour soleil hallohallo geheim passwortpasswort krankenhaus
    """.split()  # noqa: SIM905 - a page of words is read as one
)
