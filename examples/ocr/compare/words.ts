// What the pages say: everyday words of each language, so that every page is made here and no picture is kept.
import type { Language } from "../languages.ts";

export const WORDS: Readonly<Record<Language, readonly string[]>> = {
  ces: listed(
    "most řeka město kniha zahrada okno chléb voda ráno večer bratr sestra přítel vlak cesta strom květina zima léto hudba světlo škola dům stůl",
  ),
  dan: listed(
    "bro flod by bog have vindue brød vand morgen aften bror søster ven tog vej træ blomst vinter sommer musik lys skole hus køkken",
  ),
  deu: listed(
    "Brücke Fluss Stadt Buch Garten Fenster Brot Wasser Morgen Abend Bruder Schwester Freund Zug Straße Baum Blume Winter Sommer Musik Licht Schule Haus Küche",
  ),
  ell: listed(
    "γέφυρα ποτάμι πόλη βιβλίο κήπος παράθυρο ψωμί νερό πρωί βράδυ αδελφός αδελφή φίλος τρένο δρόμος δέντρο λουλούδι χειμώνας καλοκαίρι μουσική φως σχολείο σπίτι τραπέζι",
  ),
  eng: listed(
    "bridge river town book garden window bread water morning evening brother sister friend train road tree flower winter summer music light school house kitchen",
  ),
  fin: listed(
    "silta joki kaupunki kirja puutarha ikkuna leipä vesi aamu ilta veli sisko ystävä juna katu puu kukka talvi kesä musiikki valo koulu talo keittiö",
  ),
  fra: listed(
    "pont rivière ville livre jardin fenêtre pain eau matin soir frère soeur ami train route arbre fleur hiver été musique lumière école maison cuisine",
  ),
  hun: listed(
    "híd folyó város könyv kert ablak kenyér víz reggel este testvér nővér barát vonat út fa virág tél nyár zene fény iskola ház konyha",
  ),
  ita: listed(
    "ponte fiume città libro giardino finestra pane acqua mattina sera fratello sorella amico treno strada albero fiore inverno estate musica luce scuola casa cucina",
  ),
  nld: listed(
    "brug rivier stad boek tuin venster brood water morgen avond broer zuster vriend trein straat boom bloem winter zomer muziek licht school huis keuken",
  ),
  pol: listed(
    "most rzeka miasto książka ogród okno chleb woda rano wieczór brat siostra przyjaciel pociąg droga drzewo kwiat zima lato muzyka światło szkoła dom kuchnia",
  ),
  por: listed(
    "ponte rio cidade livro jardim janela pão água manhã noite irmão irmã amigo comboio estrada árvore flor inverno verão música luz escola casa cozinha",
  ),
  spa: listed(
    "puente río ciudad libro jardín ventana pan agua mañana noche hermano hermana amigo tren camino árbol flor invierno verano música luz escuela casa cocina",
  ),
  swe: listed(
    "bro flod stad bok trädgård fönster bröd vatten morgon kväll bror syster vän tåg väg träd blomma vinter sommar musik ljus skola hus kök",
  ),
  tur: listed(
    "köprü nehir şehir kitap bahçe pencere ekmek su sabah akşam kardeş arkadaş tren yol ağaç çiçek kış yaz müzik ışık okul ev mutfak deniz",
  ),
  ukr: listed(
    "міст річка місто книга сад вікно хліб вода ранок вечір брат сестра друг потяг дорога дерево квітка зима літо музика світло школа дім кухня",
  ),
};

function listed(words: string): readonly string[] {
  return words.split(" ");
}
