// Follows all jobs with several clients; each says on standard output what happens to it.
import { Pressrun } from "../../../notifier/client/pressrun.js";

const [websocketUrl, count] = process.argv.slice(2);

for (let number = 0; number < Number(count); number += 1) {
  const client = new Pressrun({ url: "http://127.0.0.1:9", websocketUrl });
  const say = (members) => console.log(JSON.stringify({ number, ...members }));
  client.onstate = (state) => say({ state, closed: client.lastClose?.code });
  follow(client, say);
}

async function follow(client, say) {
  try {
    for await (const event of client.jobs()) say({ job: event.data.job.id });
  } catch (error) {
    say({ error: error.message });
  }
}
