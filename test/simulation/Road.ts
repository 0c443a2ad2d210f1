/** What lies between the clients and the proxy: connections that take messages in order, and break. */
import type { Asked, Hearer } from "./Instance.ts"
import type { Network } from "./Network.ts"
import type { Operator } from "./Operator.ts"

export class Road {
  private readonly network: Network
  private readonly operator: () => Operator
  private exchanges = 0

  constructor(network: Network, operator: () => Operator) {
    this.network = network
    this.operator = operator
  }

  /** Sends a request; gives how to close its connection. `refused` is called where nobody takes it. */
  connect(client: string, asked: Asked, hearer: Hearer & { readonly refused: () => void }): () => void {
    const line = `${client} ${++this.exchanges}`
    let isOpen = true
    let close: (() => void) | undefined
    const back = (act: () => void): void => {
      if (!isOpen) return
      this.network.send(`${line} back`, () => {
        if (isOpen) act()
      })
    }
    const end = (): void =>
      back(() => {
        isOpen = false
        hearer.end()
      })
    this.network.send(line, () => {
      if (!isOpen) return
      const { cuts, instance } = this.operator()
      if (instance.isOver) {
        back(() => {
          isOpen = false
          hearer.refused()
        })
        return
      }
      cuts.add(end)
      const said = (act: () => void): void => {
        if (!instance.isOver) act()
      }
      close = instance.request(asked, {
        head: (status, headers) => said(() => back(() => hearer.head(status, headers))),
        data: (text) => said(() => back(() => hearer.data(text))),
        end: () =>
          said(() => {
            cuts.delete(end)
            end()
          })
      })
    })
    return () => {
      if (!isOpen) return
      isOpen = false
      this.network.send(line, () => close?.())
    }
  }
}
